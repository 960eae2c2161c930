"""Sparkle: a learning companion that keeps messages and answers questions with tools."""
