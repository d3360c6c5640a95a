"""What a trained model does with play that it was not trained on."""
