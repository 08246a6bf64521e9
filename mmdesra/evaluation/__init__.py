"""Evaluation: the metric, and the comparison of before and after fine-tuning."""
