"""Runs vLLM's benchmark through the standard route, then through warmroute; prints the table."""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import compare

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """A load as the walk-throughs of ACK's extension give it, in tokens."""

    model: str
    served_model_name: str
    prefix_tokens: int
    input_tokens_max: int
    output_tokens_max: int
    prompts: int
    concurrency: int


# Both asked the vLLM of that time for lengths from a fifth of the maximum to the maximum.
LENGTH_RATIO_MIN = 0.2

PRESETS = {
    "qwq-32b": Load("/models/QwQ-32B", "qwq-32b", 1000, 4000, 3000, 3000, 60),
    "deepseek-r1-distill-qwen-7b": Load(
        "/models/DeepSeek-R1-Distill-Qwen-7B", "/model/qwen", 10, 1550, 1800, 3000, 200
    ),
}


def centre(tokens_max: int) -> int:
    """The middle of the lengths: vLLM now takes it, with a ratio to both sides, and no maximum."""
    return round(tokens_max * (1 + LENGTH_RATIO_MIN) / 2)


def arguments(load: Load, host: str, port: int, seed: int, result: Path) -> list[str]:
    ratio = (1 - LENGTH_RATIO_MIN) / (1 + LENGTH_RATIO_MIN)
    options = {
        "backend": "vllm",
        "model": load.model,
        "served-model-name": load.served_model_name,
        "dataset-name": "random",
        "random-prefix-len": load.prefix_tokens,
        "random-input-len": centre(load.input_tokens_max),
        "random-output-len": centre(load.output_tokens_max),
        "random-range-ratio": f"{ratio:.4f}",
        "num-prompts": load.prompts,
        "max-concurrency": load.concurrency,
        "seed": seed,
        "host": host,
        "port": port,
        "endpoint": "/v1/completions",
        "result-dir": result.parent,
        "result-filename": result.name,
    }
    flat = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [*flat, "--save-result", "--disable-tqdm"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", required=True, help="address of the gateway's Service")
    parser.add_argument("--preset", choices=PRESETS, default="qwq-32b")
    parser.add_argument("--model", help="folder of the model, for its tokenizer")
    parser.add_argument("--served-model-name", help="the model's name in requests")
    parser.add_argument("--prompts", type=int, help="requests of each run")
    parser.add_argument("--concurrency", type=int, help="requests at a time")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each port, in turn")
    parser.add_argument("--standard-port", type=int, default=8080)
    parser.add_argument("--warmroute-port", type=int, default=8081)
    parser.add_argument("--results", type=Path, default=Path("."), help="where results go")
    return parser.parse_args()


def main() -> None:
    options = parse()
    named = {"model", "served_model_name", "prompts", "concurrency"}
    given = {name: value for name, value in vars(options).items() if name in named and value}
    load = Load(**{**vars(PRESETS[options.preset]), **given})
    ports = {"standard": options.standard_port, "warmroute": options.warmroute_port}
    results: dict[str, list[Path]] = {name: [] for name in ports}
    seed = 0
    for number in range(1, options.rounds + 1):
        for name, port in ports.items():
            # A seed for each run: with the same prompts the second would find them in the caches.
            seed += 1
            result = options.results.resolve() / f"{name}-{number}.json"
            command = arguments(load, options.gateway, port, seed, result)
            subprocess.run([sys.executable, str(HERE / "serve.py"), *command], check=True)
            results[name].append(result)
    print(compare.table(compare.read(results["standard"]), compare.read(results["warmroute"])))


if __name__ == "__main__":
    main()
