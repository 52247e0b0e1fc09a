"""Where chance comes from: a fixed seed in `make test`, which tells the same each time; `make torture` names one."""

import os


def seed(usual: int) -> int:
    return int(os.environ.get("TORTURE_SEED") or usual)
