// A shop in Go, standard library only: pushes orders, lists the pipelines, reads their statistics.
//
//	go run shop.go [host:port]
//
// A goridge frame, all numbers little-endian:
//
//	0        version 1 << 4 | words of the header (3, and one for each option)
//	1        flags: 0x08 JSON, 0x40 error
//	2 - 5    bytes of the payload
//	6 - 9    CRC-32 of bytes 0 - 5
//	10 - 11  0
//	12 - 19  two options: the number of the call, bytes of the method name
//	...      the method name, then the body
package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const (
	flagJSON    = 0x08
	flagError   = 0x40
	headerBytes = 12
)

// serviceError is an error that the kernel answered with.
type serviceError string

func (e serviceError) Error() string { return string(e) }

// rpc calls the methods of a kernel, one after another.
type rpc struct {
	conn  net.Conn
	calls uint32
}

func (r *rpc) call(method string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r.calls++
	payload := append([]byte(method), encoded...)
	frame := make([]byte, headerBytes, headerBytes+8+len(payload))
	frame[0], frame[1] = 1<<4|5, flagJSON
	binary.LittleEndian.PutUint32(frame[2:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(frame[6:], crc32.ChecksumIEEE(frame[:6]))
	frame = binary.LittleEndian.AppendUint32(frame, r.calls)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(method)))
	if _, err := r.conn.Write(append(frame, payload...)); err != nil {
		return err
	}
	return r.read(answer)
}

func (r *rpc) read(answer any) error {
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(r.conn, header); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(header[:6]) != binary.LittleEndian.Uint32(header[6:]) {
		return errors.New("the checksum of the answer is wrong")
	}
	options := make([]byte, 4*(int(header[0]&0x0f)-3))
	payload := make([]byte, binary.LittleEndian.Uint32(header[2:]))
	for _, part := range [][]byte{options, payload} {
		if _, err := io.ReadFull(r.conn, part); err != nil {
			return err
		}
	}
	if call := binary.LittleEndian.Uint32(options); call != r.calls {
		return fmt.Errorf("the answer is for call %d, not for call %d", call, r.calls)
	}
	body := payload[binary.LittleEndian.Uint32(options[4:]):]
	if header[1]&flagError != 0 {
		return serviceError(body)
	}
	return json.Unmarshal(body, answer)
}

type header struct {
	Value []string `json:"value"`
}

type jobOptions struct {
	Pipeline string `json:"pipeline"`
	Delay    int    `json:"delay,omitempty"`
}

type job struct {
	Job     string            `json:"job"`
	ID      string            `json:"id"`
	Payload []byte            `json:"payload"` // base64 in JSON
	Headers map[string]header `json:"headers"`
	Options jobOptions        `json:"options"`
}

func push(r *rpc, queue, order string, total float64, delay int) error {
	payload, err := json.Marshal(map[string]any{"order": order, "total": total})
	if err != nil {
		return err
	}
	one := job{"invoice.make", newID(), payload, map[string]header{"shop": {[]string{"Go"}}}, jobOptions{queue, delay}}
	if err := r.call("jobs.Push", map[string]job{"job": one}, &struct{}{}); err != nil {
		return err
	}
	later := ""
	if delay > 0 {
		later = fmt.Sprintf(", to run in %d s", delay)
	}
	fmt.Printf("Pushed order %s%s\n", order, later)
	return nil
}

// newID makes a UUID of version 4.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func run(address string) error {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := &rpc{conn: conn}

	var list struct {
		Pipelines []string `json:"pipelines"`
	}
	if err := r.call("jobs.List", struct{}{}, &list); err != nil {
		return err
	}
	fmt.Println("Pipelines:", strings.Join(list.Pipelines, ", "))

	for number, total := range []float64{12.5, 99, 7.25} {
		delay := 0
		if number == 2 {
			delay = 2
		}
		if err := push(r, "invoices", fmt.Sprintf("go-%d", number+1), total, delay); err != nil {
			return err
		}
	}

	var stats struct {
		Stats []struct {
			Pipeline string `json:"pipeline"`
			Driver   string `json:"driver"`
			Active   int    `json:"active"`
			Delayed  int    `json:"delayed"`
		} `json:"stats"`
	}
	if err := r.call("jobs.Stat", struct{}{}, &stats); err != nil {
		return err
	}
	for _, stat := range stats.Stats {
		fmt.Printf("%s (%s): %d active, %d delayed\n", stat.Pipeline, stat.Driver, stat.Active, stat.Delayed)
	}

	var refused serviceError
	if err := push(r, "letters", "go-4", 1, 0); errors.As(err, &refused) {
		// An error tells where it was met, a line each.
		fmt.Println("Refused:", strings.Join(strings.Fields(refused.Error()), " "))
		return nil
	} else {
		return err
	}
}

func main() {
	address := "127.0.0.1:6001"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
