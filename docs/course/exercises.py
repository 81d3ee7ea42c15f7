"""The exercises of the course, as handout.py, score.py and the tests know them."""

JUDGED = {                              # judge: number in the pages, points, minutes, functions
    "sigmoid": ("1.2", 2, 10, "siamese.sigmoid"),
    "pair_logits": ("1.3", 3, 10, "siamese.SiameseNetwork.pair_logits"),
    "derangement": ("1.4", 4, 20, "physics.derangement"),
    "cross_entropy": ("1.5", 3, 15, "siamese.cross_entropy"),
    "derivatives": ("2.2", 3, 15, "siamese.relu_derivative siamese.tanh_derivative"),
    "backpropagate_delta": ("2.3", 4, 15, "siamese.SiameseNetwork._backpropagate_delta"),
    "backward": ("2.4", 3, 15, "siamese.SiameseNetwork.backward"),
    "step": ("2.5", 6, 30, "siamese.SiameseNetwork.step"),
    "forward": ("2.6", 3, 15, "siamese.SiameseNetwork.forward"),
    "early_stopping": ("3.1", 2, 10, "siamese.EarlyStopping.update"),
    "reduce_rate": ("3.2", 3, 15, "siamese.ReduceLearningRateOnPlateau.update"),
    "adadelta": ("3.3", 5, 25, "siamese.Adadelta.step"),
    "boosts": ("4.1", 3, 15, "physics.boosts"),
    "transform_fields": ("4.2", 4, 20, "physics.transform_fields"),
    "interval": ("4.3", 1, 5, "physics.interval"),
    "ridge": ("5.1", 5, 25, "regression.ridge"),
    "r2_score": ("5.2", 2, 10, "regression.r2_score"),
    "group_terms": ("5.3", 5, 30, "regression.group_terms"),
}
BY_HAND = {                             # number in the pages: points, minutes
    "1.1": (3, 10), "2.1": (3, 15), "2.7": (4, 20), "3.4": (4, 25), "3.5": (3, 15),
    "4.4": (3, 15), "4.5": (8, 45), "5.4": (3, 20), "5.5": (4, 25), "5.6": (4, 25),
}
