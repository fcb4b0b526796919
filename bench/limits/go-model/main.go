// A model of a pool as a Go server has it: one heap behind a mutex, pollers that take a job and wait for a free worker, workers over pipes with one
// job in flight. No events, metrics, tracing or logs: an upper bound of that design. Prints nanoseconds per job of a drain. With a fourth argument
// jobs are pushed one at a time, and it prints what each took from the push to the answer; before as many of them as that argument says, the last
// ones, it pauses for a millisecond.
package main

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

const pollers = 64

type job struct {
	priority int64
	id       string
	body     []byte
}

type jobs []*job

func (j jobs) Len() int           { return len(j) }
func (j jobs) Less(a, b int) bool { return j[a].priority < j[b].priority }
func (j jobs) Swap(a, b int)      { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)        { *j = append(*j, x.(*job)) }
func (j *jobs) Pop() any {
	old := *j
	last := old[len(old)-1]
	*j = old[:len(old)-1]
	return last
}

type queue struct {
	mutex sync.Mutex
	ready *sync.Cond
	heap  jobs
}

func (q *queue) take() *job {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.heap) == 0 {
		q.ready.Wait()
	}
	return heap.Pop(&q.heap).(*job)
}

type context struct {
	Id       string              `json:"id"`
	Job      string              `json:"job"`
	Driver   string              `json:"driver"`
	Headers  map[string][]string `json:"headers"`
	Pipeline string              `json:"pipeline"`
}

type worker struct {
	in  io.Writer
	out *bufio.Reader
}

func (w *worker) send(flags byte, options []uint32, payload ...[]byte) {
	size := 0
	for _, part := range payload {
		size += len(part)
	}
	slab := make([]byte, 12, 12+4*len(options)+size)
	slab[0] = 0x10 | byte(3+len(options))
	slab[1] = flags
	binary.LittleEndian.PutUint32(slab[2:], uint32(size))
	binary.LittleEndian.PutUint32(slab[6:], crc32.ChecksumIEEE(slab[:6]))
	for _, option := range options {
		slab = binary.LittleEndian.AppendUint32(slab, option)
	}
	for _, part := range payload {
		slab = append(slab, part...)
	}
	if _, err := w.in.Write(slab); err != nil {
		panic(err)
	}
}

func (w *worker) receive() []byte {
	head := make([]byte, 12)
	if _, err := io.ReadFull(w.out, head); err != nil {
		panic(err)
	}
	if binary.LittleEndian.Uint32(head[6:]) != crc32.ChecksumIEEE(head[:6]) {
		panic("crc")
	}
	rest := make([]byte, int(head[0]&0x0f)*4-12+int(binary.LittleEndian.Uint32(head[2:])))
	if _, err := io.ReadFull(w.out, rest); err != nil {
		panic(err)
	}
	return rest
}

func start(script string) *worker {
	command := exec.Command("node", script)
	command.Stderr = os.Stderr
	in, _ := command.StdinPipe()
	out, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		panic(err)
	}
	w := &worker{in, bufio.NewReader(out)}
	w.send(0x09, nil, []byte(fmt.Sprintf(`{"pid":%d}`, os.Getpid())))
	w.receive()
	return w
}

func main() {
	script := os.Args[1]
	workers, _ := strconv.Atoi(os.Args[2])
	count, _ := strconv.Atoi(os.Args[3])
	free := make(chan *worker, workers)
	for range workers {
		free <- start(script)
	}
	q := &queue{}
	q.ready = sync.NewCond(&q.mutex)
	var done sync.WaitGroup
	for range pollers {
		go func() {
			for {
				item := q.take()
				header, _ := json.Marshal(context{item.id, "echo", "memory", map[string][]string{}, "bench"})
				w := <-free
				w.send(0x04, []uint32{uint32(len(header))}, header, item.body)
				answer := w.receive()
				free <- w
				var reply struct {
					Type uint32 `json:"type"`
				}
				if err := json.Unmarshal(answer[4:], &reply); err != nil {
					panic(err)
				}
				done.Done()
			}
		}()
	}
	drain := func(size int) time.Duration {
		body := make([]byte, 100)
		done.Add(size)
		all := make(jobs, size)
		for index := range all {
			all[index] = &job{10, fmt.Sprintf("id-%d", index), body}
		}
		began := time.Now()
		q.mutex.Lock()
		q.heap = all
		heap.Init(&q.heap)
		q.ready.Broadcast()
		q.mutex.Unlock()
		done.Wait()
		return time.Since(began)
	}
	if len(os.Args) > 4 {
		paused, _ := strconv.Atoi(os.Args[4])
		var times strings.Builder
		for index := range count {
			if index >= count-paused {
				time.Sleep(time.Millisecond)
			}
			item := &job{10, "id", make([]byte, 100)}
			done.Add(1)
			began := time.Now()
			q.mutex.Lock()
			heap.Push(&q.heap, item)
			q.ready.Signal()
			q.mutex.Unlock()
			done.Wait()
			fmt.Fprintln(&times, time.Since(began).Nanoseconds())
		}
		fmt.Print(times.String())
		return
	}
	drain(2_000)
	fmt.Println(drain(count).Nanoseconds() / int64(count))
}
