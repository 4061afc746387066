"""From what was found to messages: candidates, decisions, batches, delivery; and how they are looked at."""
