"""Prints the comparison of two benchmarks from the files that vLLM's --save-result writes.

compare.py --standard FILE... --warmroute FILE...
"""

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

Result = dict[str, Any]

# Label, key in the file, decimals.
ROWS = [
    ("Average TTFT (ms)", "mean_ttft_ms", 2),
    ("P99 TTFT (ms)", "p99_ttft_ms", 2),
    ("Output throughput (tok/s)", "output_throughput", 2),
    ("Successful requests", "completed", 0),
    ("Failed requests", "failed", 0),
]
HEADER = ("Metric", "Standard route", "warmroute", "Change")


def read(paths: list[Path]) -> list[Result]:
    results = []
    for path in paths:
        result = json.loads(path.read_text())
        missing = [key for _, key, _ in ROWS[:4] if key not in result]
        if missing:
            raise SystemExit(f"{path}: no {', '.join(missing)}; is it a file of --save-result?")
        # Older releases do not tell; what did not succeed has failed.
        result.setdefault("failed", result.get("num_prompts", 0) - result["completed"])
        results.append(result)
    return results


def change(before: float, after: float) -> str:
    return "" if before == 0 else f"{(after - before) / before * 100:+.1f} %"


def table(standard: list[Result], warmroute: list[Result]) -> str:
    """One line a row, columns aligned; over several runs, their mean."""
    lines = [HEADER]
    for label, key, decimals in ROWS:
        before = fmean(result[key] for result in standard)
        after = fmean(result[key] for result in warmroute)
        values = [f"{value:.{decimals}f}" for value in (before, after)]
        lines.append((label, *values, change(before, after)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    first = widths[0]
    rest = range(1, len(HEADER))
    text = [
        "  ".join([line[0].ljust(first), *(line[column].rjust(widths[column]) for column in rest)])
        for line in lines
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standard", type=Path, nargs="+", required=True)
    parser.add_argument("--warmroute", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    print(table(read(options.standard), read(options.warmroute)))


if __name__ == "__main__":
    main()
