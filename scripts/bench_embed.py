"""Measure what computes an embedder's vectors: speed, memory, loading, and what is lost.

Builds a sentence-transformer of the shape of paraphrase-multilingual-MiniLM-L12-v2 (12 layers of
384, a vocabulary of 250,037) with random weights, and runs each variant in a process of its own.
Loss is measured against float32: the cosine of the same text's two vectors, and how many of a
question's ten nearest texts stay the same. Random weights have no outliers, which is kind to int8:
for a model of your own give its folder with --model.

Columns, per second of one core's time: texts of 128 tokens; of 8 to 128 tokens, sorted by length;
the same three at a time, as small files one by one are.

    python scripts/bench_embed.py --out /tmp/bench --variants float32,bfloat16,int8

OpenVINO pins another transformers than ragkit's: make an environment with
``sentence-transformers[openvino]`` and run the same command in it with
``--variants openvino,openvino-int8``; the float32 vectors of the first run are the reference.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
VOCABULARY = 250_037
READS = 128
VARIANTS = ("float32", "bfloat16", "float16", "int8", "openvino", "openvino-bf16", "openvino-int8")


def main() -> None:
    """Build the model where there is none, run the variants, print a table."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = options.model or options.out / "model"
    if not (folder / "config.json").exists():
        build_model(folder)
    if options.one:
        print(json.dumps(measure(options.one, folder, options)))
        return
    print(f"{options.texts} texts, device {options.device}")
    print("variant          load s   MiB  texts/s  sorted  by file  cos min     mean  top10")
    for variant in options.variants.split(","):
        done = subprocess.run(
            [sys.executable, __file__, "--one", variant, *sys.argv[1:]],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(f"{variant:15}  failed: {done.stderr.strip().splitlines()[-1][:200]}")
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{variant:15}  {r['load']:6.1f} {r['mib']:5.0f}  {r['full']:7.1f}  {r['sorted']:6.1f}"
            f"  {r['by_file']:7.1f}  {r['cos_min']:.5f} {r['cos_mean']:.5f}  {r['top10']:.3f}",
            flush=True,
        )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-embed"), help="model and vectors")
    parser.add_argument("--model", type=Path, help="a sentence-transformer's folder, not random")
    parser.add_argument("--variants", default="float32,bfloat16,int8", help=", ".join(VARIANTS))
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def build_model(folder: Path) -> None:
    """Write the model, its weights random and its tokenizer one word a token."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = SPECIAL + [f"w{number}" for number in range(VOCABULARY - len(SPECIAL))]
    vocabulary = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", model_max_length=READS
    ).save_pretrained(folder / "bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=512,
        pad_token_id=0,
    )
    BertModel(config).save_pretrained(folder / "bert")
    reader = Transformer(str(folder / "bert"), max_seq_length=READS)
    SentenceTransformer(modules=[reader, Pooling(384, "mean")], device="cpu").save(str(folder))


def corpus(count: int) -> tuple[list[str], list[str], list[str]]:
    """Return ``count`` texts of 128 tokens, as many of 8 to 128, and questions on the first."""
    chance = random.Random(0)
    # Words as frequent as in language (Zipf), so that texts are near each other by degrees.
    weights = [1 / rank for rank in range(1, 20_001)]

    def words(number: int) -> list[str]:
        return [f"w{w}" for w in chance.choices(range(20_000), weights, k=number)]

    full = [words(READS - 2) for _ in range(count)]
    mixed = [" ".join(words(chance.randint(8, READS - 2))) for _ in range(count)]
    questions = [" ".join(chance.sample(text, 12)) for text in full]
    return [" ".join(text) for text in full], mixed, questions


def load(variant: str, folder: Path, options: argparse.Namespace) -> Any:
    """Return the sentence-transformer of ``folder`` as ``variant`` computes it."""
    import torch
    from sentence_transformers import SentenceTransformer

    if variant.startswith("openvino"):
        hint = "bf16" if variant.endswith("bf16") else "f32"
        export = options.out / variant.replace("-bf16", "")
        if not export.exists():
            export_openvino(folder, export, int8=variant.endswith("int8"))
        name = "openvino_model_qint8_quantized.xml" if variant.endswith("int8") else None
        kwargs = {
            "ov_config": {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1},
            "file_name": name,
        }
        kwargs = {key: value for key, value in kwargs.items() if value}
        return SentenceTransformer(
            str(export), backend="openvino", device="cpu", model_kwargs=kwargs
        )
    dtype = "float32" if variant == "int8" else variant
    model = SentenceTransformer(
        str(folder), device=options.device, local_files_only=True, model_kwargs={"dtype": dtype}
    )
    if variant == "int8":
        torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, inplace=True)
    return model


def export_openvino(folder: Path, export: Path, *, int8: bool) -> None:
    """Write the model of ``folder`` for OpenVINO; int8 with activations, calibrated on texts."""
    import shutil

    from sentence_transformers import SentenceTransformer

    shutil.copytree(folder, export)
    model = SentenceTransformer(str(export), backend="openvino", model_kwargs={"export": True})
    if not int8:
        model.save_pretrained(str(export))
        return
    from nncf import Dataset
    from optimum.intel import OVConfig, OVQuantizationConfig, OVQuantizer

    texts = corpus(64)[1]
    inputs = [dict(model.tokenizer([text], return_tensors="pt")) for text in texts]
    quantizer = OVQuantizer(model[0].auto_model)
    config = OVConfig(quantization_config=OVQuantizationConfig(num_samples=len(inputs)))
    (export / "openvino").mkdir(exist_ok=True)
    quantizer.quantize(
        ov_config=config,
        calibration_dataset=Dataset(inputs),
        save_directory=str(export / "openvino"),
    )
    (export / "openvino" / "openvino_model.xml").rename(
        export / "openvino" / "openvino_model_qint8_quantized.xml"
    )
    (export / "openvino" / "openvino_model.bin").rename(
        export / "openvino" / "openvino_model_qint8_quantized.bin"
    )


def measure(variant: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return the figures of one variant."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    began = time.perf_counter()
    model = load(variant, folder, options)
    model.encode(["w1"])
    loaded = time.perf_counter() - began
    full, mixed, questions = corpus(options.texts)
    model.encode(full[:8])

    # One thread, in seconds of its own CPU time: others at work on the machine count little.
    def rate(texts: list[str], run: Any) -> float:
        began = time.process_time() if options.device == "cpu" else time.perf_counter()
        run(texts)
        ended = time.process_time() if options.device == "cpu" else time.perf_counter()
        return len(texts) / (ended - began)

    vectors: list[Any] = []
    speed = rate(full, lambda texts: vectors.append(encode(model, texts)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    in_order = rate(sorted(mixed, key=len, reverse=True), lambda texts: encode(model, texts))
    # Three nodes a file, each file on its own: what a folder of small files gives without care.
    by_file = rate(
        mixed, lambda texts: [encode(model, texts[at : at + 3]) for at in range(0, len(texts), 3)]
    )
    found = np.concatenate([*vectors, encode(model, questions)])
    reference = options.out / f"float32-{options.texts}.npy"
    if variant == "float32":
        np.save(reference, found)
    exact = np.load(reference)
    cosine = (exact * found).sum(axis=1)
    return {
        "load": loaded,
        "mib": memory,
        "full": speed,
        "sorted": in_order,
        "by_file": by_file,
        "cos_min": float(cosine.min()),
        "cos_mean": float(cosine.mean()),
        "top10": agreement(exact, found, len(full)),
    }


def encode(model: Any, texts: list[str]) -> Any:
    """Return float32 vectors of length 1."""
    import torch

    vectors = model.encode(texts, batch_size=32, convert_to_tensor=True, show_progress_bar=False)
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def agreement(exact: Any, found: Any, texts: int) -> float:
    """Return the share of each question's ten nearest texts that both sets of vectors name."""
    import numpy as np

    nearest = [
        np.argsort(-(vectors[texts:] @ vectors[:texts].T), axis=1)[:, :10]
        for vectors in (exact, found)
    ]
    shared = [len(set(a) & set(b)) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(shared)) / 10


if __name__ == "__main__":
    main()
