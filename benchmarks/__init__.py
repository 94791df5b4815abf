"""The yardstick: this project and the peers a user would pick instead, on cuts of any data. See docs/benchmarks.md."""
