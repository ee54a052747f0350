"""Ids of transformers' CLIPTokenizer, and a small vocabulary of byte pairs to have them of, in both layouts of its files."""
import json
import random
import shutil

from common import ROOT, write
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, CLIPTokenizer

FOLDER = ROOT / "packages/tokenizer/test/fixtures/clip-tokenizer"
START, END = "<|startoftext|>", "<|endoftext|>"
CORPUS = [
    "a photo of a cat", "a photo of two dogs in the rain", "the cat's toy isn't there, they're looking", "it's 2024!!! 100%",
    "一段关于美食的视频", "雨中的猫", "旅行日记 vlog", "short video, cute pets & food", "naïve café déjà vu", "what's up?!",
] * 3


def trained():
    """CLIP's vocabulary has all bytes, then all bytes that end a word, then merges, then the two special tokens."""
    backend = CLIPTokenizer()._tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=512 + 90, end_of_word_suffix="</w>", show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer, tokenizer.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainer)
    merges = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = alphabet + [letter + "</w>" for letter in alphabet] + ["".join(pair) for pair in merges] + [START, END]
    tokens = list(dict.fromkeys(tokens))
    return {token: i for i, token in enumerate(tokens)}, merges


def texts():
    draw = random.Random(7)
    made = [
        "", " ", "a photo of a cat", "A PHOTO  of\ta\nCat!", "雨中的猫", "一段关于旅行的视频。", "it's they're I'LL don't 'S",
        "1234 ½ ⅷ ٣", "hello<|endoftext|>world", "x <|STARTOFTEXT|> y", "<|StartOfText|>|.<|ENDoftext|>!", "<|endoftext|>", "<|startoftext|>", "<|endoftext", "é e\u0301 İ ΣΑΣ ΟΔΟΣ ß ﬁ",
        "a\u0085b\ufeffc\u00a0d\u3000e\u2028f\u200bg", "🐱🐶👩‍👩‍👧", "𠮷野家 𝔘𝔫𝔦", "\u0000\u0001 \u00ad", "가나다 조합형 \u1100\u1161", "ไทย हिन्दी עברית", "a_b-c...d?!;'s", "''''", "x" * 120,
    ]
    pool = "abcXYZ '’.,!?012 \t\n猫狗视频的。，é\u0301ΣςİſK🐱\u0085\ufeff\u3000½٣"
    made += ["".join(draw.choice(pool) for _ in range(draw.randint(1, 30))) for _ in range(90)]
    # Of every script, one character each that both Unicode tables have.
    made += ["".join(chr(draw.choice([draw.randint(0x20, 0x24f), draw.randint(0x370, 0x5ff), draw.randint(0x3041, 0x30ff), draw.randint(0x4e00, 0x9fa5), draw.randint(0x1f300, 0x1f5ff)])) for _ in range(12)) for _ in range(40)]
    return made


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    published, whole = FOLDER / "published", FOLDER / "whole"
    published.mkdir(parents=True)
    vocab, merges = trained()
    (published / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (published / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    token = lambda content: {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "__type": "AddedToken"}
    # As openai/clip-vit-base-patch32 has it.
    (published / "tokenizer_config.json").write_text(json.dumps({
        "unk_token": token(END), "bos_token": token(START), "eos_token": token(END), "pad_token": END, "add_prefix_space": False,
        "errors": "replace", "do_lower_case": True, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer",
    }))
    tokenizer = AutoTokenizer.from_pretrained(published)
    assert isinstance(tokenizer, CLIPTokenizer), type(tokenizer)
    plain = CLIPTokenizer(vocab=vocab, merges=merges)
    plain.save_pretrained(whole)
    for name in whole.iterdir():
        if name.name not in ("tokenizer.json", "tokenizer_config.json"):
            name.unlink()
    again = AutoTokenizer.from_pretrained(whole)
    cases = texts()
    ids = lambda one, text: one(text, add_special_tokens=False)["input_ids"]
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert tokenizer("a cat")["input_ids"] == [start, *ids(tokenizer, "a cat"), end]
    write("tokenizer", "clip-tokenizer.json", {
        "cases": [{"text": text, "ids": ids(tokenizer, text)} for text in cases],
        # The names of special tokens are looked for in another way there.
        "whole": [{"text": text, "ids": ids(again, text)} for text in cases if ids(again, text) != ids(tokenizer, text)],
        "start": start, "end": end, "vocabSize": len(vocab),
    })
