/*
 * The clock: milliseconds in 32 bits, as many ports have them, from the core's
 * own timer. Where it starts is CLOCK_START's to say, so that a run can see it
 * wrap.
 */
#include "board.h"
#include "iot_import.h"

#ifndef CLOCK_START
#define CLOCK_START 0
#endif

#define CORE_HZ 25000000u

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

void board_tick(void);

static volatile uint32_t milliseconds = CLOCK_START;

void board_tick(void)
{
    milliseconds++;
}

void board_clock_start(void)
{
    SYST_RVR = CORE_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* the core's clock, with interrupts */
}

uint64_t HAL_UptimeMs(void)
{
    return milliseconds;
}

static uint64_t cycles(void)
{
    uint32_t now, left;

    /* Again where the counter started over in between. */
    do {
        now = milliseconds;
        left = SYST_CVR;
    } while (now != milliseconds);
    return (uint64_t)(now - (uint32_t)CLOCK_START) * (CORE_HZ / 1000) + (CORE_HZ / 1000 - left);
}

static uint64_t waited, wait_start;

void board_wait(int begins)
{
    uint64_t now = cycles();

    if (begins) {
        wait_start = now;
    } else {
        waited += now - wait_start;
    }
}

uint64_t board_busy_cycles(void)
{
    return cycles() - waited;
}

void HAL_SleepMs(uint32_t ms)
{
    uint32_t start = milliseconds;

    while (milliseconds - start <= ms) {
        __asm__ volatile("wfi");
    }
}
