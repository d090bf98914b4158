"""How does ollm talk to an Ollama server?"""
