"""Services that stand beside the provider and know it by its public protocol alone."""
