"""Models for other programs: as an ONNX file, and as Python for PyTorch."""
