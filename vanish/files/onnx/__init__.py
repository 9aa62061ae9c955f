"""Networks that ONNX files hold: from bytes to a graph of operations, and no code is run."""
