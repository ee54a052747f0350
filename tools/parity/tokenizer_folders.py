"""Folders of tokenizers as people have them, and the ids that transformers gives from each:
packages/tokenizer/test/fixtures/folders.json. Contradicting settings, tokens added in every way, words that only become
special by normalisation."""
import json
import tempfile
import warnings
from pathlib import Path

import transformers
from tokenizers import AddedToken
from transformers import AutoTokenizer

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()

OUT = Path(__file__).resolve().parents[2] / "packages/tokenizer/test/fixtures/folders.json"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCAB = [*SPECIAL, *"[]犬鸟山水你我", "sep", "SEP", "clip", "Clip", "##per", "CLIP", "o", "##o", "O", "ö", "new", "##s", "x"]
TEXTS = [
    "CLIP 犬", "Clip clip clipper", "犬<art>鸟", "我[N]你 [n]", "newest new new山", "O ö o", "<art><art>", "my news new.",
    "[S\u200bEP]", "[S\u00adEP] x", "x[SEP]", "a<ART>b", "new_new new-new", "o\u200bx",
]
CONFIG = {"tokenizer_class": "BertTokenizer"}
TOKENIZER_FILES = (
    "vocab.txt", "tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json", "config.json",
)


def write(folder: Path, files: dict) -> None:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (folder / name).write_text(text, encoding="utf-8")


def case(name: str, files: dict, add=()) -> dict:
    """The files as they are read, and what transformers makes of them; with `add`, as it saves them."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        folder = Path(first)
        write(folder, files)
        tokenizer = AutoTokenizer.from_pretrained(first)
        if add:
            tokenizer.add_tokens(list(add))
            tokenizer.save_pretrained(second)
            folder = Path(second)
        found = {file: (folder / file).read_text("utf-8") for file in TOKENIZER_FILES if (folder / file).exists()}
        ids = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
        return {"name": name, "files": found, "size": len(tokenizer), "ids": ids}


def tokenizer_json(**normalizer) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), {"vocab.txt": lines(VOCAB), "tokenizer_config.json": CONFIG})
        AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
        saved = json.loads((Path(folder) / "tokenizer.json").read_text("utf-8"))
    saved["normalizer"].update(normalizer)
    return saved


def lines(vocab) -> str:
    return "".join(f"{token}\n" for token in vocab)


def main():
    vocab = {"vocab.txt": lines(VOCAB)}
    plain = {**vocab, "tokenizer_config.json": CONFIG}
    n = len(VOCAB)
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    decoder = {str(n): {"content": "<art>", **flags}, str(n + 1): {"content": "[N]", **flags}}
    config = lambda **more: {"tokenizer_config.json": {**CONFIG, **more}}
    cases = [
        case("plain", plain),
        case("a blank line in the vocabulary, and white space behind tokens", {
            "vocab.txt": lines([*VOCAB[:-1], "", f"{VOCAB[-1]} ", "\u5c3e\u2028", "x\u2028y"]), "tokenizer_config.json": CONFIG,
        }),
        case("a blank last line", {"vocab.txt": lines([*VOCAB, ""]), "tokenizer_config.json": CONFIG}),
        case("cased", {**vocab, **config(do_lower_case=False)}),
        case("tokenizer.json lower-cases, the configuration does not",
             {**vocab, "tokenizer.json": tokenizer_json(), **config(do_lower_case=False)}),
        case("the configuration lower-cases, tokenizer.json does not",
             {**vocab, "tokenizer.json": tokenizer_json(lowercase=False), **config(do_lower_case=True)}),
        case("the configuration keeps accents",
             {**vocab, "tokenizer.json": tokenizer_json(), **config(do_lower_case=True, strip_accents=False)}),
        case("the configuration keeps Chinese words whole",
             {**vocab, "tokenizer.json": tokenizer_json(), **config(tokenize_chinese_chars=False)}),
        *(case(f"{name} in tokenizer.json, the configuration is silent",
               {**vocab, "tokenizer.json": tokenizer_json(**changed), "tokenizer_config.json": CONFIG})
          for name, changed in [
              ("cased", {"lowercase": False}), ("accents", {"strip_accents": False}),
              ("Chinese words whole", {"handle_chinese_chars": False}), ("nothing cleaned", {"clean_text": False}),
          ]),
        case("cased in tokenizer.json, of which the general class takes all",
             {"tokenizer.json": tokenizer_json(lowercase=False),
              "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True}}),
        case("cased in tokenizer.json, and nothing beside it", {"tokenizer.json": tokenizer_json(lowercase=False)}),
        case("nothing cleaned in tokenizer.json, and nothing beside it", {"tokenizer.json": tokenizer_json(clean_text=False)}),
        case("cased in tokenizer.json, of a BERT by its config.json",
             {"tokenizer.json": tokenizer_json(lowercase=False), "config.json": {"model_type": "bert"}}),
        case("tokens by their roles", {**vocab, **config(extra_special_tokens={"art_token": "<art>", "new": "[N]"})}),
        case("added_tokens.json", {
            **plain,
            "added_tokens.json": {"<art>": n, "[N]": n + 1},
            "special_tokens_map.json": {"additional_special_tokens": ["[N]"]},
        }),
        case("added_tokens_decoder", {**vocab, **config(added_tokens_decoder=decoder)}),
        *(case(f"added with {name}", plain, [AddedToken("<art>", **given), AddedToken(other, **given)])
          for name, given, other in [
              ("no flag", {}, "[N]"), ("single_word", {"single_word": True}, "new"), ("lstrip", {"lstrip": True}, "[N]"),
              ("special", {"special": True}, "[N]"), ("normalized", {"normalized": True}, "[N]"),
          ]),
    ]
    OUT.write_text(json.dumps({"texts": TEXTS, "cases": cases}, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
