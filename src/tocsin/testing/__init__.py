"""Contract suites and fakes for everyone who adds a part."""
