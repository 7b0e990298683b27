"""What takes minutes to show: run by `make soak`, on a machine with nothing else to do."""
