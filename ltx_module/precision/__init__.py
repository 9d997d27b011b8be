"""How the frozen model is held and run: number formats, recomputation, block swap, and the choice among them."""
