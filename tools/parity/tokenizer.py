"""Encodings of transformers' BertTokenizer: packages/tokenizer/test/fixtures/bert.json."""
import json
import random
import tempfile
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer

OUT = Path(__file__).resolve().parents[2] / "packages/tokenizer/test/fixtures/bert.json"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

TEXTS = [
    "今天天气真好，我们去公园玩吧！",
    "iPhone14ProMax开箱测评 unboxing",
    "  前后  空格\t制表\n换行\r\n　全角空格  ",
    "Ｆｕｌｌ－ｗｉｄｔｈ　ＡＢＣ１２３",
    "【爆款】只要￥9.9！！！～～～…………——",
    "😀😂🤣👨‍👩‍👧‍👦🇨🇳👍🏽 表情❤️",
    "𠮷野家𠀀𪚥𫠠𬺰鿿龥㐀䶵豈﨑丽",
    "Café naïve Ångström résumé ÀÉÎÕÜ ñ ş Ž",
    "ΣΑΣ ΟΔΥΣΣΕΥΣ Σ ς İstanbul ıI ẞß ǅ",
    "ひらがな カタカナ ｶﾀｶﾅ 漢字かな交じり文 がぎぐ",
    "한국어 텍스트 섞임",
    "a\u0000b\ufffdc\u200bd\u200de\ufefff\u00adg\u2028h\u0085i\u00a0j",
    "[CLS]标题[SEP] [MASK] [PAD] [UNK] [sep] [ MASK ]",
    "x" * 100 + " " + "y" * 101 + " 长词",
    "don't can't it's I'm 3.14 e.g. foo@bar.com https://a.b/c?d=e&f#g",
    "#话题# @用户 1️⃣ №5 ℃ ① Ⅳ ㈠ ½",
    "مرحبا ไทย हिन्दी עברית тест Ё й",
    "",
    " \u200b ",
    "\ue000\uf8ff\U000f0000私用区\u0378未分配",
    "##前缀 ##ing ing##",
    "𝒜𝓑𝔠 ﬁ ﬂ ㎏ ㍿ e\u0301 a\u030a",
]


def noisy(count):
    """Random mixtures of what short-video text is made of."""
    pool = list("的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后")
    pool += list("abcdefgABCDEFG0123456789 .,!?，。！？、；：“”（）《》—…~·#@&%$^_+=|\\/<>[]{}'\"`")
    pool += ["😀", "👍🏽", "\u200d", "\ufe0f", "𠮷", "𫝀", "é", "Ö", "ｱ", "ガ", " ", "\u3000", "\xa0", "\n", "ing", "vlog"]
    draw = random.Random(7)
    return ["".join(draw.choice(pool) for _ in range(draw.randrange(1, 60))) for _ in range(60)]


def vocabulary(texts):
    """The pieces that HF's trainer finds and nearly all characters, plain and as in a word; [UNK] has to occur too."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=900, min_frequency=2, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    pieces = sorted(set(tokenizer.get_vocab()) - set(SPECIAL))
    everything = "".join(texts)
    characters = sorted(set(everything + unicodedata.normalize("NFD", everything) + everything.lower()))
    characters = [c for i, c in enumerate(characters) if i % 9 and c.isprintable() and not c.isspace()]
    tokens = [prefix + c for c in characters for prefix in ("", "##")] + pieces
    return ["[PAD]", "[unused1]", *SPECIAL[1:], *dict.fromkeys(tokens)]


def encodings(vocab, texts, **settings):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("".join(f"{token}\n" for token in vocab), encoding="utf-8")
        tokenizer = BertTokenizer(vocab=str(path), **settings)
        ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
        return {"settings": settings, "ids": ids, "decoded": [tokenizer.decode(row) for row in ids]}


def main():
    texts = TEXTS + noisy(60)
    vocab = vocabulary(texts)
    runs = [
        encodings(vocab, texts, do_lower_case=True),
        encodings(vocab, texts, do_lower_case=False),
        encodings(vocab, texts, do_lower_case=True, strip_accents=False),
        encodings(vocab, texts, do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False),
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"vocab": vocab, "texts": texts, "runs": runs}, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
