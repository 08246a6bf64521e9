"""Cases of tests/fuzz_inputs.py: each makes bad input, hands it to the library, and judges."""
