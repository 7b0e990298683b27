"""The contenders: each serves the same artifact on loopback, in a virtual environment of its own."""
