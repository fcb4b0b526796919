module gomodel

go 1.22
