"""Planets as JPL has them: writes planets.csv for python -m discover planets.csv

Heliocentric positions and velocities of five planets, in the ecliptic of J2000, one revolution a
class: from the ephemeris DE421 (Folkner, Williams and Boggs 2008), which is public. To make the
table the packages jplephem and de421 are needed; to read it none is.
"""

import de421
import numpy as np
from jplephem import Ephemeris

PERIODS = {"mercury": 87.969, "venus": 224.701, "earthmoon": 365.256, "mars": 686.980,
           "jupiter": 4332.59}          # days
REVOLUTIONS, TIMES = 8, 20
START = 2415080.5                       # Julian day, 1900
KM_PER_AU, OBLIQUITY = 149597870.7, np.radians(23.4392911)

ephemeris = Ephemeris(de421)
c, s = np.cos(OBLIQUITY), np.sin(OBLIQUITY)
to_ecliptic = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
with open("planets.csv", "w", encoding="utf-8") as file:
    file.write("# heliocentric ecliptic states of planets, JPL DE421, one revolution a class\n")
    file.write("planet,revolution,x [au],y [au],z [au],v_x [au/d],v_y [au/d],v_z [au/d]\n")
    for planet, period in PERIODS.items():
        for revolution in range(REVOLUTIONS):
            for day in START + period * (revolution + np.arange(TIMES) / TIMES):
                states = [np.array(ephemeris.position_and_velocity(name, day)).reshape(2, 3)
                          for name in (planet, "sun")]
                position, velocity = (states[0] - states[1]) / KM_PER_AU @ to_ecliptic.T
                numbers = ",".join(f"{value:.10g}" for value in (*position, *velocity))
                file.write(f"{planet},{revolution + 1},{numbers}\n")
