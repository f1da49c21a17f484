"""ONNX Runtime sessions that cost no more than they must and give the same result each time."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort


def open_session(model: str | bytes, threads: int) -> Any:
    """An inference session on the CPU with ``threads`` threads for one picture."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # Threads that wait by spinning would count as CPU time that does nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
