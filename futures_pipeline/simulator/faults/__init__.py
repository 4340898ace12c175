"""What can be made to go wrong: ``table`` lists and starts faults, ``state`` is what is wrong."""
