"""What was found becomes IDEA events, stored in the transaction of the detection."""
