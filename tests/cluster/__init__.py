"""The service on a Ray cluster of several nodes: run by `make test-cluster`."""
