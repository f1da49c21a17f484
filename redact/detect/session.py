"""ONNX Runtime sessions that cost no more than they must and give the same result each time."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from redact.errors import WeightsError


def open_session(model: str | bytes, threads: int) -> Any:
    """An inference session on the CPU with ``threads`` threads for one picture.

    ``model`` is a file's path or the bytes of a model. Raises WeightsError where it is none.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # Planned for each size of picture apart, memory is held for all of them: 30 MiB more, and no faster.
    options.enable_mem_pattern = False
    # Threads that wait by spinning would count as CPU time that does nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # ONNX Runtime's errors have no root of their own
        where = model if isinstance(model, str) else "these weights"
        raise WeightsError(f"{where}: ONNX Runtime cannot open this model: {e}.", "Export or fetch it again.") from e
