"""Hugging Face tokenizers (Rust): wordpiece.py one|batch <tokenizer.json> <texts as a JSON file>."""
import json
import sys

import tokenizers

from serve import serve

kind, path, texts = sys.argv[1:]
tokenizer = tokenizers.Tokenizer.from_file(path)
lines = json.load(open(texts))


def step(_):
    if kind == "one":
        encoded = [tokenizer.encode(line, add_special_tokens=False) for line in lines]
    else:
        encoded = tokenizer.encode_batch(lines, add_special_tokens=False)
    return float(sum(len(e.ids) for e in encoded))


serve(f"tokenizers {tokenizers.__version__}, {'one text a call' if kind == 'one' else 'encode_batch'}", step)
