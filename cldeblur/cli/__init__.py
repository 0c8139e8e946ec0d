"""Words in, words out: verbs, options, help, exit codes. Computes nothing."""
