"""What theory expects: infinite width, its fixed points and phases; finite width."""
