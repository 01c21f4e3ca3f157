// Starts the interface.
