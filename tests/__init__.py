"""The tests of edge-agent."""
