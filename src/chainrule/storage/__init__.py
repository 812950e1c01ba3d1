"""Files: networks as safetensors, never a pickle."""
