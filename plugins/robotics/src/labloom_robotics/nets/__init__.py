"""Networks: encoders of what is observed, and heads on them."""
