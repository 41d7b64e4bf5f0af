"""Names of options, which the stand-in ignores."""

inference_num_threads = "INFERENCE_NUM_THREADS"
