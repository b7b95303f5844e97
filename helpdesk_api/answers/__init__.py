"""The shapes of the API's answers: one file per noun, each made from the domain type it shows."""
