"""Real servers and real clients, in namespaces of their own."""

from __future__ import annotations

import pytest
from namespaced import InNamespace, run_in_namespace


@pytest.fixture
def in_namespace() -> InNamespace:
    return run_in_namespace
