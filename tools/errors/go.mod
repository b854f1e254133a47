module kontor.internal/tools/errors

go 1.26.0
