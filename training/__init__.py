"""Training the network that `catdog_api` serves.

In the order in which it may be read:

- `network`, the convolutional network, and `recipe`, the numbers of a run; `train`, the run itself.
- What a run is made of: `dataset` (photographs), `augment` (random views of them), `pruning` and `losses` (which an
  epoch shows), `muon` (the optimizer), `precision`, `prefetch`, `checkpoints`, `provenance` (its record).
- What it leaves: `deliver` and `folding`.
- How good that is: `evaluate`, with `asking`, `calibration`, `figures`; `robustness`, with `damages`; `framing`.
- Told to people: `tables`, `plots`, `card`; what was tried: EXPERIMENTS.md.
- What the commands of these two share: `commands`.
- Where the photographs come from: `download`, with `fetch`, `archives`, `sources` and `layout`.
"""
