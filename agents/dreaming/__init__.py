"""The agent that learns in imagination, and its loop of play, training of the world model, and dreaming."""
