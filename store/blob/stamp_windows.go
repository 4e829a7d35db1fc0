package blob

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// basicInfo is FILE_BASIC_INFO of the Windows API.
type basicInfo struct {
	created, accessed, written, changed int64 // in 100 ns since 1601
	attributes                          uint32
	_                                   uint32
}

func stampOf(f *os.File, st os.FileInfo) (stamp, error) {
	p := stamp{ModTime: st.ModTime().UnixNano()}
	h := windows.Handle(f.Fd())
	var id windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &id); err != nil {
		return p, err
	}
	p.Inode = uint64(id.FileIndexHigh)<<32 | uint64(id.FileIndexLow)
	var b basicInfo
	err := windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&b)), uint32(unsafe.Sizeof(b)))
	ft := windows.Filetime{LowDateTime: uint32(b.changed), HighDateTime: uint32(b.changed >> 32)}
	p.CTime = ft.Nanoseconds()
	return p, err
}
