import { Flight } from '../../lib/pool/flight.js';
import { FlightTable } from '../../lib/pool/flight-table.js';

class AnyFlight extends Flight {
  readonly isAlone = false;
  readonly body = '';

  contextFor(): string {
    return '';
  }

  answered(): undefined {
    return undefined;
  }

  refused(): void {}
  lost(): void {}
  returned(): void {}
}

const MAX_NUMBER = 0x7fff_ffff;

function add(table: FlightTable, count: number): Flight[] {
  const flights = Array.from({ length: count }, () => new AnyFlight());
  for (const flight of flights) table.add(flight);
  return flights;
}

describe('The flights of a worker', () => {
  it('are found by the number they were given', () => {
    const table = new FlightTable(4);
    const flights = add(table, 4);
    expect(flights.map(({ number }) => table.get(number))).toEqual(flights);
    expect(table.size).toBe(4);
  });

  it('are found neither by a number that nobody has nor by one of before', () => {
    const table = new FlightTable(1);
    const [first] = add(table, 1);
    const { number } = first;
    table.delete(first);
    const [second] = add(table, 1);
    expect(table.get(second.number)).toBe(second);
    for (const wrong of [number, 0, second.number + 1, second.number + 2, second.number + 4, 0xffff_ffff]) expect(table.get(wrong)).toBeUndefined();
  });

  it('get no number twice while one of them stays', () => {
    const table = new FlightTable(4);
    const [staying] = add(table, 1);
    const seen = new Set([staying.number]);
    for (let round = 0; round < 100; round++) {
      for (const flight of add(table, 3)) {
        expect(seen.has(flight.number)).toBe(false);
        seen.add(flight.number);
        table.delete(flight);
      }
    }
    expect(table.get(staying.number)).toBe(staying);
    expect(table.size).toBe(1);
  });

  it('stand in the order they were sent, whatever their places', () => {
    const table = new FlightTable(4);
    const [oldest, gone] = add(table, 2);
    table.delete(gone);
    for (let round = 0; round < 5; round++) for (const flight of add(table, 1)) table.delete(flight);
    const later = add(table, 3);
    expect(table.inOrder()).toEqual([oldest, ...later]);
    expect(table.oldest).toBe(oldest);
  });

  it('stand in the order they were sent when the numbers begin again', () => {
    const table = new FlightTable(2, MAX_NUMBER - 1);
    const flights = add(table, 2);
    expect(flights.map(({ number }) => number)).toEqual([MAX_NUMBER, 1]);
    expect(table.inOrder()).toEqual(flights);
    expect(table.oldest).toBe(flights[0]);
  });

  it('leave once', () => {
    const table = new FlightTable(2);
    const [first, second] = add(table, 2);
    table.delete(first);
    table.delete(first);
    expect(table.size).toBe(1);
    expect(table.inOrder()).toEqual([second]);
  });

  it('leave together', () => {
    const table = new FlightTable(2);
    const [first] = add(table, 2);
    table.clear();
    expect(table.size).toBe(0);
    expect(table.oldest).toBeUndefined();
    expect(table.get(first.number)).toBeUndefined();
  });
});
