"""Tests whose bodies run in namespaces of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from namespaced import InNamespace, give_up_capabilities, run_in_namespace


@pytest.fixture
def in_namespace() -> InNamespace:
    return run_in_namespace


@pytest.fixture
def give_up_privileges() -> Callable[[], None]:
    """For use inside `in_namespace`."""
    return give_up_capabilities
