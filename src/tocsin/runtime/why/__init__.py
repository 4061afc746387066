"""Why somebody was told of something, or not: collected here, said in words by who shows it."""
