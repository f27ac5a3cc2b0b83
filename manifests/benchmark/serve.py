"""Runs `vllm bench serve` alone: `vllm bench` builds its other commands too, which want a GPU."""

import argparse

from vllm.benchmarks.serve import add_cli_args, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_cli_args(parser)
    main(parser.parse_args())
