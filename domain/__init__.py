"""The judge: pure rules of loyalty, from a command and a state to events. No clock, no chance, no outside."""
