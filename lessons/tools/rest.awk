# rest.awk - fills what is not written in a file of workshop/ with the finished functions
#
#     awk -v name=workshop/frame.c -v finished=frame.c -f lessons/tools/rest.awk LIST frame.c workshop/frame.c
#
# LIST is what functions.awk says of both files. Lines of "#line" tell the compiler, and so the debugger,
# in which file each line really is.
BEGIN { FS = "\t" }
FNR == 1 { file++ }
file == 1 && $3 == finished { first[$2] = $6; last[$2] = $7 }
file == 1 && $3 == name && $5 == "unwritten" { missing[$6] = $2; ends[$6] = $7 }
file == 2 { line[FNR] = $0 }
file < 3 { next }

FNR == 1 { printf "#line 1 \"%s\"\n", name }
missing[FNR] in first {
    printf "#line %d \"%s\"\n", first[missing[FNR]], finished
    for (i = first[missing[FNR]]; i <= last[missing[FNR]]; i++)
        print line[i]
    skip = ends[FNR]
    printf "#line %d \"%s\"\n", skip + 1, name
}
FNR > skip + 0 { print }
