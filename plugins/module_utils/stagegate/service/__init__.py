"""Services: held behind a guard, started, and watched until they are what they must be."""
