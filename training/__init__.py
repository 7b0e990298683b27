"""Training the network that `catdog_api` serves: download, dataset, augment, network, train, evaluate."""
