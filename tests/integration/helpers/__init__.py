"""What integration tests share: the programs, a daemon to talk to, a client, and small data."""
