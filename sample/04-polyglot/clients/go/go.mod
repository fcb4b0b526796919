module sample/polyglot

go 1.21
